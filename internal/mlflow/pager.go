package mlflow

import "fmt"

// Bounds of one search over all its pages: 1,000 pages are a million registered models or ten million versions of one,
// and 512 MiB are several hundred thousand of either.
const (
	mostPages = 1000
	mostBytes = 512 << 20
)

// pager bounds the pages of one search. Each search has its own; the zero value has the usual bounds.
type pager struct {
	pages  int   // that came so far
	bytes  int64 // of them; a request adds its own, see rest.Request.Read
	tokens map[string]bool
	most   struct {
		pages int   // 0 = mostPages
		bytes int64 // 0 = mostBytes
	}
}

// more reports whether another page follows one that came with this token. It is an [*incomplete] error if that page is
// known already, or if the search would become too long: a list that was not read to its end is no shorter list.
func (p *pager) more(token string) (bool, error) {
	p.pages++
	pages, bytes := p.most.pages, p.most.bytes
	if pages == 0 {
		pages = mostPages
	}
	if bytes == 0 {
		bytes = mostBytes
	}
	switch {
	case token == "":
		return false, nil
	case p.tokens[token]:
		return false, &incomplete{fmt.Sprintf("page %d of the list names a next page that came before", p.pages), hintToken}
	case p.pages >= pages:
		return false, &incomplete{fmt.Sprintf("the list has more than %d pages", pages), hintShorter}
	case p.bytes > bytes:
		return false, &incomplete{fmt.Sprintf("the list has more than %d MiB", bytes>>20), hintShorter}
	}
	if p.tokens == nil {
		p.tokens = map[string]bool{}
	}
	p.tokens[token] = true
	return true, nil
}

// incomplete is the error of a list that cannot be read to its end.
type incomplete struct{ why, hint string }

func (e *incomplete) Error() string { return e.why }

const (
	hintToken   = "check whether a proxy or cache in front of the server drops the parameter page_token"
	hintShorter = "a part of a list decides nothing: delete on the server what is not needed any more"
)
