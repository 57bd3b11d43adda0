package worker

import (
	"os"
	"strconv"
	"strings"
)

// DefaultMemory is what an attempt's buffers may hold when nobody says and there is plenty.
const DefaultMemory = 512 << 20 // bytes

// cgroupLimits are where the memory limit of the control group stands, version 2 and 1.
var cgroupLimits = [...]string{
	"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
}

// hostMemory is an equal part for each slot of half of the memory of this host, or of what its
// control group may use of it, and at most DefaultMemory.
func hostMemory(slots int) int64 {
	all := physicalMemory()
	for _, name := range cgroupLimits {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n > 0 { // "max" is no limit
			all = min(all, n)
		}
	}
	return min(DefaultMemory, all/2/int64(slots))
}
