package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// newID returns an id in MLflow's format, which is 32 hexadecimal digits. A test gets the same ids every time it runs.
func newID(s *State, of string) string {
	s.ids++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", s.Seed, of, s.ids))
	return hex.EncodeToString(sum[:16])
}

var (
	moods  = []string{"bold", "calm", "eager", "gentle", "merciful", "nosy", "proud", "quiet"}
	beasts = []string{"ape", "crane", "deer", "finch", "moth", "owl", "shrew", "worm"}
)

// runName invents a name for a run that was created without one, as MLflow does.
func runName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%s-%s-%d", moods[sum[0]%8], beasts[sum[1]%8], int(sum[2])*3)
}
