// Package pki makes and checks the certificates of a cluster: a small authority of its own, and
// certificates that say in one URI who their holder is. The command line uses it, for both ends of
// a connection.
//
// The one idea needed to read it: a certificate counts only as a whole. Its chain must end at the
// authority, its URI must name the cluster of the side that checks, its role must be one that this
// side wants, and its extended key usage must be that of the side it stands on. All of it is
// checked in tls.Config.VerifyConnection, by both sides, with TLS 1.3, without resumed sessions.
//
// The URI is a subject alternative name, the only URI of the certificate:
//
//	fanfold://CLUSTER/ROLE/NAME
//
// CLUSTER is 32 hexadecimal digits, drawn when the authority was made. ROLE is 1 to 16 small
// letters, NAME 1 to 64 of A-Z, a-z, 0-9, point, low line and hyphen. The authority's own URI is
// fanfold://CLUSTER.
package pki
