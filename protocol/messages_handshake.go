package protocol

import (
	"cmp"
)

// Hello is the first message of both sides. The coordinator's answers the peer's.
type Hello struct {
	Magic    string // "fanfold"
	ProtoMin uint32
	ProtoMax uint32
	Role     uint8
	Product  string // and version, for people: "fanfold 0.1.0"
	Name     string // of the worker; "" otherwise
	Slots    []uint32
	Nonce    []byte // 32 bytes where the transport does not prove identity; else empty
	Proof    []byte // coordinator only: HMAC-SHA256, see the package comment
	Dir      string // worker: directory that the paths of its outputs are relative to
	Image    []byte // worker: SHA-256 of its own binary, which runs jobs without an image
	Host     string // name of the host, for people
	PID      uint32
	Offer    Offer // worker: what it has besides its slots
}

func (*Hello) kind() Kind { return KindHello }

// Validate checks what the types do not.
func (m *Hello) Validate() error {
	return cmp.Or(
		texts(labelMax, m.Magic, m.Product, m.Name, m.Host),
		texts(PathMax, m.Dir),
		must(len(m.Slots) <= SlotsMax, "too many slots"),
		exact("nonce", m.Nonce, NonceLen),
		exact("proof", m.Proof, macLen),
		exact("image", m.Image, imageLen),
		m.Offer.validate(),
	)
}

// Offer is what a worker has besides its slots.
type Offer struct {
	// Processes is how many task processes a slot may keep, each of another image; 0 and 1: the one
	// that is in use.
	Processes uint32
	// HostID is the same for workers that see the same files in their directories.
	HostID string
	Data   string   // HOST:PORT where other workers fetch its files; "": nowhere
	Labels []string // "key=value", in order
}

func (m *Offer) validate() error {
	labels := 0
	for _, label := range m.Labels {
		labels += len(label)
	}
	return cmp.Or(texts(labelMax, m.HostID, m.Data), texts(labelsMax, m.Labels...),
		must(labels <= labelsMax, "too many labels"))
}

// Proof is the client's half of the token handshake.
type Proof struct {
	MAC []byte // HMAC-SHA256
}

func (*Proof) kind() Kind { return KindProof }

// Validate checks what the types do not.
func (m *Proof) Validate() error {
	return must(len(m.MAC) == macLen, "a MAC must have 32 bytes")
}

// Welcome ends the handshake: the peer is in.
type Welcome struct {
	Proto      uint32 // version that both sides speak from here
	Connection uint64 // number of this connection, as in logs
	Worker     uint32 // the worker's number; 0 for others
	BeatMillis uint32 // heartbeat interval that the coordinator wants; 0: none
	Epoch      uint32
	FrameMax   uint32 // bytes: largest bulk frame that this side takes
	// LeaseMillis is how long after it has sent a Heartbeat that was answered a worker ends what it
	// runs; 0: when its connection ends.
	LeaseMillis uint32
	// Of a worker: what other workers of this coordinator prove themselves by where the transport
	// does not, and the key of the tickets for its files. Nobody but the worker's agent has them.
	SegmentToken []byte
	SegmentKey   []byte
}

func (*Welcome) kind() Kind { return KindWelcome }

// Validate checks what the types do not.
func (m *Welcome) Validate() error {
	return cmp.Or(
		must(m.FrameMax == 0 || m.FrameMax >= HandshakeMax, "frames would be too short"),
		exact("token", m.SegmentToken, TokenLen),
		exact("key", m.SegmentKey, TokenLen),
	)
}

// Bye says that the sender takes no more work: what has not started was returned, and it will
// close the connection.
type Bye struct {
	Reason string
	Last   bool // to a worker: it is not to join again
}

func (*Bye) kind() Kind { return KindBye }

// Validate checks what the types do not.
func (m *Bye) Validate() error {
	return texts(TextMax, m.Reason)
}
