// Package closest finds what somebody may have meant by a name that nobody knows. The command line
// and the coordinator use it for their hints. The one idea: few typing errors are few edits.
package closest

// editsMax is how many edits away a known name may be and still be what was meant.
const editsMax = 3

// Name finds the known name closest to what was typed, the first of several, or "".
func Name(typed string, known []string) string {
	best, closest := editsMax+1, ""
	for _, k := range known {
		if d := distance(typed, k); d < best && d < max(len(typed), len(k)) {
			best, closest = d, k
		}
	}
	return closest
}

// distance is Levenshtein's: the insertions, deletions and substitutions between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
