package coordinator

// suggestDistanceMax is how many edits away a known name may be to be what was meant.
const suggestDistanceMax = 3

// suggest finds the known name closest to name, or "".
func suggest(name string, known []string) string {
	best, closest := suggestDistanceMax+1, ""
	for _, k := range known {
		if d := distance(name, k); d < best && d < max(len(name), len(k)) {
			best, closest = d, k
		}
	}
	return closest
}

// distance is Levenshtein's.
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
