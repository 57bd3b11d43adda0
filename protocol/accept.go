package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fanfold/fanfold"
)

// AcceptConfig is what Accept needs to know.
type AcceptConfig struct {
	// Identity is who the peer is, as the transport proves it. Nil: the peer must prove that it has
	// Token, and its identity is that of this process's user.
	Identity *Identity
	Token    []byte // TokenLen bytes; unused with an Identity

	Connection uint64 // number of the connection, for logs
	Hello      Hello  // this side's Product, Host and Role (0: coordinator); Accept sets the rest
	Roles      []Role // that peers may have here

	// Welcome decides whether the peer comes in, and gives the message that says so; Accept sets
	// Proto, Connection and FrameMax. An error is sent to the peer. Nil: all come in.
	Welcome func(Hello, Identity) (Welcome, error)
}

// Accept does the server's half of the handshake. It blocks until the peer is in or ctx ends: ctx
// must have a time limit. From here on the Conn accepts only messages that the peer's role may
// send. After an error the connection is closed, and the peer was told why.
func Accept(ctx context.Context, c *Conn, cfg AcceptConfig) (Hello, Identity, error) {
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()
	c.rules = handshake
	a := acceptance{c: c, cfg: &cfg}
	a.ours = cfg.Hello
	a.ours.Magic, a.ours.ProtoMin, a.ours.ProtoMax = magic, VersionMin, VersionMax
	if a.ours.Role == 0 {
		a.ours.Role = uint8(RoleCoordinator)
	}
	c.sendText(a.greeting())
	c.Flush()
	err := a.run(ctx)
	switch {
	case err == nil:
		c.rules = after(Role(a.peer.Role))
		return a.peer, a.id, nil
	case errors.Is(err, errText):
		c.sendText(forHumans)
		c.Shutdown(ctx)
	case refusable(err):
		c.Fail(ctx, err)
	}
	c.Close()
	return Hello{}, Identity{}, err
}

// magic is the first field of Hello.
const magic = "fanfold"

// forHumans answers a peer that sends text.
const forHumans = "This port speaks fanfold's protocol.\n" +
	"To run a job: fanfold submit JOB FILE...\n" +
	"To send tasks, a line each: fanfold stream JOB\n"

// after is what a peer of that role may send once it is in.
func after(r Role) rules { return rules{control: ControlMax, bulk: BulkMax, from: 1 << r} }

// refusable reports whether the peer can be told of err: it is about what the peer sent.
func refusable(err error) bool {
	var e *fanfold.Error
	return errors.As(err, &e)
}

// acceptance is one handshake of the server's.
type acceptance struct {
	c    *Conn
	cfg  *AcceptConfig
	ours Hello
	peer Hello
	id   Identity
}

func (a *acceptance) greeting() string {
	return fmt.Sprintf("%s protocol %d-%d connection %d\n",
		a.ours.Product, VersionMin, VersionMax, a.cfg.Connection)
}

func (a *acceptance) run(ctx context.Context) error {
	if err := a.c.receive(&a.peer); err != nil {
		return err
	}
	proto, err := agree(&a.ours, &a.peer)
	if err != nil {
		return err
	}
	if err := a.identify(); err != nil {
		return err
	}
	role := Role(a.peer.Role)
	roles := a.id.Roles
	if !slices.Contains(a.cfg.Roles, role) || len(roles) > 0 && !slices.Contains(roles, role) {
		return fanfold.Errorf(fanfold.KindDenied, "handshake",
			"a %s of %s is not let in by this %s", role, a.id.Name, Role(a.ours.Role))
	}
	w := Welcome{}
	if a.cfg.Welcome != nil {
		if w, err = a.cfg.Welcome(a.peer, a.id); err != nil {
			return asError(err)
		}
	}
	w.Proto, w.Connection, w.FrameMax = proto, a.cfg.Connection, BulkMax
	if err := a.c.transmit(&w); err != nil {
		return err
	}
	// What is urgent may overtake what is queued, and nothing may overtake Welcome.
	return a.c.WaitQueued(ctx, 1)
}

// identify sends this side's Hello, and finds out who the peer is.
func (a *acceptance) identify() error {
	if a.cfg.Identity != nil {
		a.id = *a.cfg.Identity
		return a.c.transmit(&a.ours)
	}
	if len(a.cfg.Token) != TokenLen {
		return fanfold.Errorf(fanfold.KindDenied, "handshake", "nobody can log in here: no token")
	}
	if len(a.peer.Nonce) != NonceLen {
		return fanfold.Errorf(fanfold.KindDenied, "handshake", "this port wants a proof of the token")
	}
	role, theirs := a.peer.Role, a.peer.Nonce
	a.ours.Nonce = newNonce()
	a.ours.Proof = proof(a.cfg.Token, serverLabel, role, theirs, a.ours.Nonce)
	if err := a.c.transmit(&a.ours); err != nil {
		return err
	}
	var p Proof
	if err := a.c.receive(&p); err != nil {
		return err
	}
	if !proven(p.MAC, proof(a.cfg.Token, clientLabel, role, theirs, a.ours.Nonce)) {
		return fanfold.Errorf(fanfold.KindDenied, "handshake", "the token is not the one of this port")
	}
	a.id = tokenIdentity()
	return nil
}

// agree finds the version that both sides speak.
func agree(ours, theirs *Hello) (uint32, error) {
	if theirs.Magic != magic {
		return 0, fanfold.Errorf(fanfold.KindProtocol, "handshake",
			"the peer says that it speaks %q, the %s speaks %q", theirs.Magic, Role(ours.Role), magic)
	}
	proto := min(ours.ProtoMax, theirs.ProtoMax)
	if proto < max(ours.ProtoMin, theirs.ProtoMin) {
		return 0, fanfold.Errorf(fanfold.KindVersion, "handshake",
			"the %s (%s) speaks protocol %d-%d, the %s (%s) %d-%d",
			Role(theirs.Role), theirs.Product, theirs.ProtoMin, theirs.ProtoMax,
			Role(ours.Role), ours.Product, ours.ProtoMin, ours.ProtoMax)
	}
	return proto, nil
}

func asError(err error) error {
	if refusable(err) {
		return err
	}
	return fanfold.Errorf(fanfold.KindDenied, "handshake", "%w", err)
}
