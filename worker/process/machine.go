package process

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/fanfold/fanfold"
)

// machine is the processor that a binary is for, as its ELF header has it; 0: there is none, as in
// a script.
type machine uint16

// machineNames has the processors by the names that Go has for them.
var machineNames = map[machine]string{
	3: "386", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64",
	258: "loong64",
}

// String is the processor's name, or its number where it has none.
func (m machine) String() string {
	if name := machineNames[m]; name != "" {
		return name
	}
	return fmt.Sprintf("machine %d", uint16(m))
}

// machineOf reads the header of a binary. The layout is that of the System V ABI.
func machineOf(f *os.File) machine {
	const dataAt, bigEndian, machineAt = 5, 2, 18
	var header [20]byte
	if n, _ := f.ReadAt(header[:], 0); n < len(header) || string(header[:4]) != "\x7fELF" {
		return 0
	}
	if header[dataAt] == bigEndian {
		return machine(binary.BigEndian.Uint16(header[machineAt:]))
	}
	return machine(binary.LittleEndian.Uint16(header[machineAt:]))
}

// runsHere refuses a binary for another processor than that of this program.
func runsHere(f *os.File) error {
	path, err := SelfPath()
	if err != nil {
		return err
	}
	self, err := os.Open(path)
	if err != nil {
		return err
	}
	defer self.Close()
	if ours, its := machineOf(self), machineOf(f); ours != 0 && its != 0 && ours != its {
		return fanfold.Errorf(fanfold.KindUnsupported, "open program",
			"%s is for %s, and this worker is for %s", f.Name(), its, ours)
	}
	return nil
}
