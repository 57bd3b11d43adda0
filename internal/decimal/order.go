package decimal

import "cmp"

// Compare gives -1, 0 or +1 as the number a is less than, equal to or greater than b. Its error
// names the text that is no number.
func Compare(a, b []byte) (int, error) {
	x, err := parse(a)
	if err != nil {
		return 0, err
	}
	y, err := parse(b)
	if err != nil {
		return 0, err
	}
	p, q := x.normal(), y.normal()
	if p.sign != q.sign {
		return cmp.Compare(p.sign, q.sign), nil
	}
	order := cmp.Compare(p.magnitude, q.magnitude)
	for i := 0; order == 0 && i < max(p.len, q.len); i++ {
		order = cmp.Compare(p.digit(i), q.digit(i))
	}
	return p.sign * order, nil
}

// What an encoded number begins with. Bytes below are free for what is to come before all numbers.
const (
	keyNegative = 0x10
	keyZero     = 0x20
	keyPositive = 0x30
)

// magnitudeBias makes every magnitude positive: it is at most DigitsMax + ExponentMax away from 0.
const magnitudeBias = 1 << 15

// AppendKey appends an encoding of the number text stands for, such that bytes.Compare of two
// encodings is Compare of their numbers. Equal numbers have equal encodings, and none is a prefix
// of another, so that more key may follow. After an error dst is returned as it was.
func AppendKey(dst, text []byte) ([]byte, error) {
	n, err := parse(text)
	if err != nil {
		return dst, err
	}
	p := n.normal()
	if p.sign == 0 {
		return append(dst, keyZero), nil
	}
	start := len(dst) + 1
	biased := uint16(p.magnitude + magnitudeBias)
	dst = append(dst, keyPositive, byte(biased>>8), byte(biased))
	for i := 0; i < p.len; i += 2 { // two digits a byte, above the 0 that ends them
		dst = append(dst, 1+10*p.digit(i)+p.digit(i+1))
	}
	dst = append(dst, 0)
	if p.sign < 0 {
		dst[start-1] = keyNegative
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst, nil
}

// normal is a number as sign * 0.d0d1d2… * 10^magnitude, where d0 is not zero and neither is the
// last digit; all are zero for zero.
type normal struct {
	n         *number
	sign      int
	magnitude int
	first     int // index of d0 in whole and fraction put together
	len       int // number of digits
}

func (n *number) normal() normal {
	p := normal{n: n, len: len(n.whole) + len(n.fraction)}
	for p.len > 0 && p.digit(0) == 0 {
		p.first++
		p.len--
	}
	for p.len > 0 && p.digit(p.len-1) == 0 {
		p.len--
	}
	if p.len == 0 {
		return normal{n: n}
	}
	p.magnitude = len(n.whole) - p.first + n.exponent
	p.sign = 1
	if n.negative {
		p.sign = -1
	}
	return p
}

// digit is the i-th digit, and zero behind the last.
func (p *normal) digit(i int) byte {
	if i >= p.len {
		return 0
	}
	if i += p.first; i < len(p.n.whole) {
		return p.n.whole[i] - '0'
	}
	return p.n.fraction[i-len(p.n.whole)] - '0'
}
