package process

import (
	"os"
	"syscall"

	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/protocol"
)

// Role is what this process was started as.
type Role uint8

// The roles.
const (
	RoleNone Role = iota // started by somebody else: not one of ours
	RoleShim             // to call RunShim and end with its result
	RoleTask             // to serve TaskConn
)

// roleVariable tells a new process its role. A task process takes it out of its environment, so
// that what it starts, perhaps this binary once more, does not take itself for one.
const roleVariable = "FANFOLD_PROCESS"

const (
	roleShimOwn   = "shim"       // above a task process of this binary
	roleShimImage = "shim-image" // above one of the binary on fdImage
	roleTask      = "task"
	roleTaskApart = "task-apart" // in a PID namespace: its id outside comes on fdID
)

// The descriptors of a shim. A task process has those up to fdWrite.
const (
	fdError   = 2 // the log, as fd 1
	fdRead    = 3 // protocol
	fdWrite   = 4 // protocol
	fdOrders  = 5 // records from the agent
	fdReports = 6 // records to the agent
	fdImage   = 7 // the binary to run, where it is not this one
	fdID      = 5 // of a task process in a PID namespace: a record with its id outside
)

// Enter says what this process is to be. It is called once, first thing in main. In a task process
// it takes the role out of the environment, keeps the descriptors from what that one starts, and
// says that the shim gets its orphans.
func Enter() Role {
	switch os.Getenv(roleVariable) {
	case roleShimOwn, roleShimImage:
		return RoleShim
	case roleTaskApart:
		learnID()
		fallthrough
	case roleTask:
		_ = os.Unsetenv(roleVariable) // cannot fail for a valid name
		syscall.CloseOnExec(fdRead)
		syscall.CloseOnExec(fdWrite)
		proctree.SetReaper() // the shim
		return RoleTask
	}
	return RoleNone
}

// id is that of this process for its agent.
var id = os.Getpid()

// ID is the id of this process as its agent sees it, which may be in another PID namespace.
func ID() int { return id }

// learnID waits for the id, and with it for the shim to have made its namespace what it is to be.
func learnID() {
	f := os.NewFile(fdID, "id")
	if _, n, err := readRecord(f); err == nil {
		id = int(n)
	} // or else the shim is about to end, and this process with it
	_ = f.Close()
}

// TaskConn is the connection of a task process to its coordinator, over the descriptors that it was
// started with. It is called once; the caller closes the Conn, which does not end a Read.
func TaskConn() *protocol.Conn {
	_ = syscall.SetNonblock(fdRead, false) // where it cannot be, the poller reads
	return protocol.FilesOfTask(os.NewFile(fdRead, "protocol"), os.NewFile(fdWrite, "protocol"))
}
