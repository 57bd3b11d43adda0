package decimal

import (
	"bytes"
	"math/big"
	"math/bits"
	"strconv"
)

// smallDigits is the number of digits that always fit an int64.
const smallDigits = 18

// Sum is the exact sum of decimal numbers. The zero value is zero and ready for use; a Sum must not
// be copied once used, and is not safe for concurrent use.
//
// Invariant: the sum is (wide + small) / 10^scale.
type Sum struct {
	small int64
	wide  *big.Int // what did not fit in small; nil: nothing
	scale int      // fraction digits of both
}

// Add adds the number that text stands for. After an error, which names the text and wraps
// ErrSyntax or ErrRange, the sum is as before. The text is not kept.
func (s *Sum) Add(text []byte) error {
	n, err := parse(text)
	if err != nil {
		return err
	}
	if v, scale, ok := n.small(); ok && scale <= s.scale {
		if v, ok = scaleUp(v, s.scale-scale); ok {
			s.addSmall(v)
			return nil
		}
	}
	v, scale := n.wide()
	s.widen(scale)
	if scale < s.scale {
		v.Mul(v, powerOfTen(s.scale-scale))
	}
	if v.IsInt64() {
		s.addSmall(v.Int64())
		return nil
	}
	s.addWide(v)
	return nil
}

// Append appends the sum in its canonical form: no exponent, no leading zeros but the one before a
// point, no trailing zeros behind it, no minus before zero.
func (s *Sum) Append(dst []byte) []byte {
	var buf [24]byte
	text := s.integer(buf[:0])
	if text[0] == '-' {
		dst = append(dst, '-')
		text = text[1:]
	}
	if zeros := s.scale + 1 - len(text); zeros > 0 {
		text = append(bytes.Repeat([]byte{'0'}, zeros), text...)
	}
	whole, fraction := text[:len(text)-s.scale], text[len(text)-s.scale:]
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	dst = append(dst, whole...)
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst
}

// integer appends the sum times 10^scale.
func (s *Sum) integer(dst []byte) []byte {
	if s.wide == nil {
		return strconv.AppendInt(dst, s.small, 10)
	}
	total := big.NewInt(s.small)
	return total.Add(total, s.wide).Append(dst, 10)
}

func (s *Sum) addSmall(v int64) {
	if sum := s.small + v; (sum > s.small) == (v > 0) {
		s.small = sum
		return
	}
	s.addWide(big.NewInt(v))
}

func (s *Sum) addWide(v *big.Int) {
	if s.wide == nil {
		s.wide = new(big.Int)
	}
	s.wide.Add(s.wide, v)
}

// widen gives the sum at least scale fraction digits.
func (s *Sum) widen(scale int) {
	if scale <= s.scale {
		return
	}
	more := scale - s.scale
	s.scale = scale
	if s.wide != nil {
		s.wide.Mul(s.wide, powerOfTen(more))
	}
	if v, ok := scaleUp(s.small, more); ok {
		s.small = v
		return
	}
	v := big.NewInt(s.small)
	s.small = 0
	s.addWide(v.Mul(v, powerOfTen(more)))
}

// small is the number as v / 10^scale where it has few digits and no exponent.
func (n *number) small() (v int64, scale int, ok bool) {
	if len(n.whole)+len(n.fraction) > smallDigits || n.exponent != 0 {
		return 0, 0, false
	}
	for _, c := range n.whole {
		v = v*10 + int64(c-'0')
	}
	for _, c := range n.fraction {
		v = v*10 + int64(c-'0')
	}
	if n.negative {
		v = -v
	}
	return v, len(n.fraction), true
}

// wide is the number as v / 10^scale, with the least scale that writes it.
func (n *number) wide() (v *big.Int, scale int) {
	fraction := n.fraction
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	text := make([]byte, 0, 1+len(n.whole)+len(fraction))
	if n.negative {
		text = append(text, '-')
	}
	text = append(append(append(text, '0'), n.whole...), fraction...)
	v, _ = new(big.Int).SetString(string(text), 10) // digits only: it cannot fail
	scale = len(fraction) - n.exponent
	if v.Sign() == 0 {
		return v, 0
	}
	if scale < 0 {
		return v.Mul(v, powerOfTen(-scale)), 0
	}
	return v, scale
}

// scaleUp is v times 10^n, where that fits.
func scaleUp(v int64, n int) (int64, bool) {
	if n > smallDigits {
		return v, v == 0
	}
	hi, lo := bits.Mul64(uint64(max(v, -v)), pow10[n])
	if hi != 0 || int64(lo) < 0 {
		return 0, false
	}
	if v < 0 {
		return -int64(lo), true
	}
	return int64(lo), true
}

func powerOfTen(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

var pow10 = [smallDigits + 1]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}
