package corpus

// ranks draws ranks by the law of Zipf and Mandelbrot in constant time (the alias method: M. D.
// Vose, "A linear algorithm for generating random numbers with a given distribution", 1991): a
// column is drawn evenly, and then its own rank or its alias.
type ranks []column

type column struct {
	keep  uint32 // chance of the column's own rank, in 1/2³²
	alias uint32
}

// newRanks makes the columns. The floating-point operations here are sums, products and quotients
// on their own, which every machine rounds alike.
func newRanks(n int) ranks {
	weights, sum := make([]float64, n), 0.0
	for i := range weights {
		weights[i] = 1 / (float64(i) + 3.7) // ranks count from one: 1 + 2.7
		sum += weights[i]
	}
	columns := make(ranks, n)
	var small, large []int
	for i := range weights {
		weights[i] /= sum
		weights[i] *= float64(n)
		columns[i] = column{keep: 1<<32 - 1, alias: uint32(i)}
		if weights[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		columns[s] = column{keep: uint32(weights[s] * (1 << 32)), alias: uint32(l)}
		weights[l] -= 1 - weights[s]
		if weights[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	return columns
}

// pick maps 64 random bits to a rank.
func (r ranks) pick(bits uint64) int {
	i := below(bits>>32, len(r))
	if c := r[i]; uint32(bits) > c.keep {
		return int(c.alias)
	}
	return i
}
