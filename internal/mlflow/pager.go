package mlflow

import "fmt"

// Bounds of one search over all its pages: 1,000 pages are a million registered models or ten million versions of one,
// and 512 MiB are several hundred thousand of either.
const (
	MostPages = 1000
	mostBytes = 512 << 20
)

// Pager bounds the pages of one search. Each search has its own; the zero value has the usual bounds.
type Pager struct {
	Pages  int   // that came so far
	Bytes  int64 // of them; a request adds its own, see rest.Request.Read
	tokens map[string]bool
	Most   struct {
		Pages int   // 0 = mostPages
		Bytes int64 // 0 = mostBytes
	}
}

// More reports whether another page follows one that came with this token. It is an [*incomplete] error if that page is
// known already, or if the search would become too long: a list that was not read to its end is no shorter list.
func (p *Pager) More(token string) (bool, error) {
	p.Pages++
	pages, bytes := p.Most.Pages, p.Most.Bytes
	if pages == 0 {
		pages = MostPages
	}
	if bytes == 0 {
		bytes = mostBytes
	}
	switch {
	case token == "":
		return false, nil
	case p.tokens[token]:
		return false, &Incomplete{fmt.Sprintf("page %d of the list names a next page that came before", p.Pages), HintToken}
	case p.Pages >= pages:
		return false, &Incomplete{fmt.Sprintf("the list has more than %d pages", pages), HintShorter}
	case p.Bytes > bytes:
		return false, &Incomplete{fmt.Sprintf("the list has more than %d MiB", bytes>>20), HintShorter}
	}
	if p.tokens == nil {
		p.tokens = map[string]bool{}
	}
	p.tokens[token] = true
	return true, nil
}

// Incomplete is the error of a list that cannot be read to its end.
type Incomplete struct{ Why, Hint string }

func (e *Incomplete) Error() string { return e.Why }

const (
	HintToken   = "check whether a proxy or cache in front of the server drops the parameter page_token"
	HintShorter = "a part of a list decides nothing: delete on the server what is not needed any more"
)
