package gates

import "gonum.org/v1/gonum/mathext"

// studentTail returns the probability that Student's t with df degrees of freedom exceeds t. It is half the regularised
// incomplete beta function at df/(df+t²).
func studentTail(t, df float64) float64 {
	tail := mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) / 2
	if t < 0 {
		return 1 - tail
	}
	return tail
}
