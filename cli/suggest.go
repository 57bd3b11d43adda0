package cli

import "slices"

// suggestDistanceMax is how many edits away a name may be and still be what was meant.
const suggestDistanceMax = 3

// suggest finds the known name closest to what was typed, or "".
func suggest(typed string, known []string) string {
	best, closest := suggestDistanceMax+1, ""
	for _, name := range known {
		if d := editDistance(typed, name); d < best && d < max(len(typed), len(name)) {
			best, closest = d, name
		}
	}
	return closest
}

// editDistance is Levenshtein's: the insertions, deletions and substitutions between two words.
func editDistance(a, b string) int {
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
			row[j+1] = slices.Min([]int{cost, row[j] + 1, diagonal + 1})
		}
	}
	return row[len(b)]
}
