package shuffle

// touchSlots loads the slots that hashes stand for, so that their cache misses overlap. The sum is
// of no use but to make the loads happen.
func touchSlots(slots []slot, mask uint64, hashes []uint64) (sum uint32) {
	for _, h := range hashes {
		sum += slots[h&mask].size
	}
	return sum
}
