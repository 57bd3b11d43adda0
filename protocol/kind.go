package protocol

import "fmt"

// Kind is the first element of every message: a positive fixint, 1 to 127. It fixes the message's
// class. Kinds are never reused: append only.
type Kind uint8

// The kinds of message. Who sends what, and when, stands in the package comment.
const (
	KindHello   Kind = 1
	KindProof   Kind = 2
	KindWelcome Kind = 3
	KindError   Kind = 4
	KindBye     Kind = 5

	KindSubmit   Kind = 10
	KindInputs   Kind = 11
	KindInput    Kind = 12
	KindInputEnd Kind = 13
	KindAccepted Kind = 14
	KindProgress Kind = 15
	KindResult   Kind = 16
	KindEnded    Kind = 17
	KindCredit   Kind = 18
	KindCancel   Kind = 19
	KindAttach   Kind = 20
	KindQuery    Kind = 21
	KindAnswer   Kind = 22

	KindTask       Kind = 23
	KindReply      Kind = 24
	KindPartial    Kind = 25
	KindCancelTask Kind = 26
	KindShardMoved Kind = 27

	KindBrief   Kind = 40
	KindSource  Kind = 41
	KindAssign  Kind = 42
	KindStop    Kind = 43
	KindRevoke  Kind = 44
	KindVerdict Kind = 45
	KindForget  Kind = 46
	KindDone    Kind = 47
	KindBeat    Kind = 48

	KindCall     Kind = 49
	KindReturn   Kind = 50
	KindRetire   Kind = 51
	KindAsk      Kind = 52
	KindTold     Kind = 53
	KindSnapshot Kind = 54
	KindSample   Kind = 55

	KindStart     Kind = 60
	KindKill      Kind = 61
	KindExited    Kind = 62
	KindRead      Kind = 63
	KindLogQuery  Kind = 64
	KindLog       Kind = 65
	KindHeartbeat Kind = 66

	KindPull   Kind = 80
	KindPulled Kind = 81
	KindFetch  Kind = 82
	KindPiece  Kind = 83
)

// Role is what a peer is on one connection.
type Role uint8

// The roles.
const (
	RoleClient Role = iota + 1
	RoleWorker
	RoleProcess
	RoleCoordinator
	RoleAdmin
	RoleViewer
)

var roleNames = [...]string{"none", "client", "worker", "process", "coordinator", "admin", "viewer"}

// String is the role's name, or its number where it has none.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role-%d", uint8(r))
}

// roles is a set of roles: bit r stands for role r.
type roles uint32

const (
	byClient  roles = 1<<RoleClient | 1<<RoleAdmin | 1<<RoleViewer
	byWorker  roles = 1 << RoleWorker
	byProcess roles = 1 << RoleProcess
	byServer  roles = 1 << RoleCoordinator
	bySubmit  roles = 1<<RoleClient | 1<<RoleAdmin
	byPeer          = byClient | byWorker | byProcess
	byAll           = byPeer | byServer
)

// in reports whether r is in the set.
func (s roles) in(r Role) bool { return r <= RoleViewer && s>>r&1 == 1 }

// How a message travels: its class, and whether it may overtake.
type travel uint8

const (
	control travel = iota // in order, in a control frame unless it follows bulk
	urgent                // control that goes ahead of everything that is not urgent
	bulk                  // in order, in a bulk frame
)

// kinds has what is known of each kind; the zero entry is no kind.
var kinds = [...]struct {
	name   string
	travel travel
	from   roles // who may send it
	body   Body  // nil pointer of its type
}{
	KindHello:   {"Hello", control, byAll, (*Hello)(nil)},
	KindProof:   {"Proof", control, byPeer, (*Proof)(nil)},
	KindWelcome: {"Welcome", control, byServer, (*Welcome)(nil)},
	KindError:   {"Error", urgent, byAll, (*Failure)(nil)},
	KindBye:     {"Bye", control, byAll, (*Bye)(nil)},

	KindSubmit:   {"Submit", urgent, bySubmit, (*Submit)(nil)},
	KindInputs:   {"Inputs", control, bySubmit, (*Inputs)(nil)},
	KindInput:    {"Input", bulk, bySubmit | byServer, (*Input)(nil)},
	KindInputEnd: {"InputEnd", control, bySubmit, (*InputEnd)(nil)},
	KindAccepted: {"Accepted", urgent, byServer, (*Accepted)(nil)},
	KindProgress: {"Progress", urgent, byServer, (*Progress)(nil)},
	KindResult:   {"Result", bulk, byServer | byWorker, (*Result)(nil)},
	KindEnded:    {"Ended", control, byServer, (*Ended)(nil)},
	KindCredit:   {"Credit", urgent, byClient | byWorker | byServer, (*Credit)(nil)},
	KindCancel:   {"Cancel", urgent, bySubmit, (*Cancel)(nil)},
	KindAttach:   {"Attach", urgent, byClient, (*Attach)(nil)},
	KindQuery:    {"Query", urgent, byClient, (*Query)(nil)},
	KindAnswer:   {"Answer", urgent, byServer, (*Answer)(nil)},

	KindTask:       {"Task", bulk, bySubmit, (*Task)(nil)},
	KindReply:      {"Reply", bulk, byServer, (*Reply)(nil)},
	KindPartial:    {"Partial", bulk, byServer | byProcess, (*Partial)(nil)},
	KindCancelTask: {"CancelTask", control, bySubmit, (*CancelTask)(nil)},
	KindShardMoved: {"ShardMoved", control, byServer, (*ShardMoved)(nil)},

	KindBrief:   {"Brief", control, byServer, (*Brief)(nil)},
	KindSource:  {"Source", bulk, byServer, (*Source)(nil)},
	KindAssign:  {"Assign", control, byServer, (*Assign)(nil)},
	KindStop:    {"Stop", control, byServer, (*Stop)(nil)},
	KindRevoke:  {"Revoke", control, byServer, (*Revoke)(nil)},
	KindVerdict: {"Verdict", control, byServer, (*Verdict)(nil)},
	KindForget:  {"Forget", control, byServer, (*Forget)(nil)},
	KindDone:    {"Done", bulk, byProcess, (*Done)(nil)},
	KindBeat:    {"Beat", urgent, byProcess | byWorker, (*Beat)(nil)},

	KindCall:     {"Call", bulk, byServer, (*Call)(nil)},
	KindReturn:   {"Return", bulk, byProcess, (*Return)(nil)},
	KindRetire:   {"Retire", control, byServer, (*Retire)(nil)},
	KindAsk:      {"Ask", bulk, byProcess, (*Ask)(nil)},
	KindTold:     {"Told", bulk, byServer, (*Told)(nil)},
	KindSnapshot: {"Snapshot", bulk, byServer | byProcess, (*Snapshot)(nil)},
	KindSample:   {"Sample", control, byProcess, (*Sample)(nil)},

	KindStart:     {"Start", control, byServer, (*Start)(nil)},
	KindKill:      {"Kill", control, byServer, (*Kill)(nil)},
	KindExited:    {"Exited", control, byWorker, (*Exited)(nil)},
	KindRead:      {"Read", urgent, byServer, (*Read)(nil)},
	KindLogQuery:  {"LogQuery", urgent, byServer, (*LogQuery)(nil)},
	KindLog:       {"Log", bulk, byWorker, (*Log)(nil)},
	KindHeartbeat: {"Heartbeat", urgent, byWorker | byServer, (*Heartbeat)(nil)},

	KindPull:   {"Pull", bulk, byServer, (*Pull)(nil)},
	KindPulled: {"Pulled", control, byWorker, (*Pulled)(nil)},
	KindFetch:  {"Fetch", control, byWorker, (*Fetch)(nil)},
	KindPiece:  {"Piece", bulk, byWorker, (*Piece)(nil)},
}

// known reports whether the protocol has a message of this kind.
func (k Kind) known() bool { return int(k) < len(kinds) && kinds[k].body != nil }

// String is the message's name, or its number where it has none.
func (k Kind) String() string {
	if k.known() {
		return kinds[k].name
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}
