package audit

import (
	"fmt"
	"hash/fnv"
	"time"
)

// Nights spreads the looks at model files over several audits, because each look takes requests. The zero value looks
// at the files of every model every time.
type Nights struct {
	Every int // the files of a model are looked at every so many nights
	Now   time.Time
}

// A night lasts from noon to noon in UTC, so an audit that is scheduled around midnight may start late.
const night = 24 * time.Hour

// LastDue returns the evening of the night in which the files of a model were last due, as a day. due reports whether
// that is the current night. Which night it is depends only on the model's name.
func (n Nights) LastDue(model string) (day string, due bool) {
	if n.Every <= 1 {
		return "", true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(model))
	noon := n.Now.UTC().Add(-night / 2).Truncate(night)
	number := noon.Unix() / int64(night/time.Second)
	every := int64(n.Every)
	ago := (number - int64(h.Sum32())%every) % every
	if ago < 0 {
		ago += every
	}
	return noon.AddDate(0, 0, -int(ago)).Format(time.DateOnly), ago == 0
}

// FilesLeft counts what was not looked at because its files were not due.
type FilesLeft struct {
	Due      string `json:"last_due"` // the evening of the night in which the files were last due
	Models   int    `json:"models"`
	Versions int    `json:"versions"`
}

// FilesNote says how many files were not looked at, and since when. It returns "" if all were looked at.
func (t Totals) FilesNote() string {
	if len(t.FilesLeft) == 0 {
		return ""
	}
	models, versions := 0, 0
	for _, l := range t.FilesLeft {
		models, versions = models+l.Models, versions+l.Versions
	}
	const note = " Not checked this night: the model files of %d of %d versions, in %d of %d models. They were last " +
		"due between %s and %s (files-every: %d)."
	first, last := t.FilesLeft[0].Due, t.FilesLeft[len(t.FilesLeft)-1].Due
	return fmt.Sprintf(note, versions, t.Versions, models, t.Models, first, last, t.FilesEvery)
}
