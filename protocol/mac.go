package protocol

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// The labels that keep the two proofs apart, so that neither can be played back as the other.
const (
	serverLabel = "fanfold 1 server proof"
	clientLabel = "fanfold 1 client proof"
)

// proof is HMAC-SHA256 with the token as its key, of: the label, a zero byte, the peer's role as
// one byte, the peer's nonce, the server's nonce.
func proof(token []byte, label string, role uint8, peerNonce, serverNonce []byte) []byte {
	h := hmac.New(sha256.New, token)
	h.Write([]byte(label))
	h.Write([]byte{0, role})
	h.Write(peerNonce)
	h.Write(serverNonce)
	return h.Sum(nil)
}

// proven compares in constant time.
func proven(got, want []byte) bool { return hmac.Equal(got, want) }

func newNonce() []byte {
	b := make([]byte, NonceLen)
	rand.Read(b) // it never fails
	return b
}
