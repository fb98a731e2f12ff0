package rest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
)

// Body is a complete JSON response that can be read once from start to end. It is stored in pieces that are released as
// they are read, so reading half of a large page frees half of its memory.
type Body struct {
	pieces []*piece
	at     int // offset in the first piece
	left   int64
}

const pieceSize = 64 << 10

type piece [pieceSize]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}

// Open sends r and returns the body of a 2xx response that looks like JSON. Unlike [Client.JSON], it does not check
// for duplicate keys. Close the body to release its memory early.
func (c *Client) Open(ctx context.Context, r Request) (*Body, error) {
	b := &Body{}
	call, err := c.send(ctx, r, "application/json", b)
	if err != nil {
		b.Close()
		return nil, err
	}
	call.answer.body = b.start()
	if len(bytes.TrimSpace(call.answer.body)) == 0 || isPage(call.answer) {
		b.Close()
		return nil, call.fail(decode(call.answer, Request{}, nil))
	}
	return b, nil
}

// start returns the beginning of the unread part, from which HTML pages can be told apart from JSON.
func (b *Body) start() []byte {
	if len(b.pieces) == 0 {
		return nil
	}
	return b.pieces[0][b.at:min(int64(pieceSize), int64(b.at)+b.left)]
}

// fill replaces the content with everything from r, and fails if that exceeds the limit. It removes the white space
// between JSON tokens, which makes up a third of MLflow's responses.
func (b *Body) fill(r io.Reader, limit int64) error {
	b.Close()
	var squeeze squeezer
	for came := int64(0); ; {
		p := pieces.Get().(*piece)
		b.pieces = append(b.pieces, p)
		for used := 0; used < pieceSize; {
			n, err := r.Read(p[used:])
			if came += int64(n); came > limit {
				return errTooLarge
			}
			n = squeeze.white(p[used : used+n])
			used += n
			b.left += int64(n)
			switch {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
		}
	}
}

// squeezer removes the white space from JSON that arrives in parts. Content that does not start like JSON stays
// unchanged.
type squeezer struct{ begun, plain, quoted, escaped bool }

// white removes the white space from part by moving all other bytes to the front, and returns the number of remaining
// bytes.
func (s *squeezer) white(part []byte) int {
	kept := 0
	for _, c := range part {
		switch {
		case s.plain:
		case s.escaped:
			s.escaped = false
		case s.quoted:
			s.escaped, s.quoted = c == '\\', c != '"'
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			continue
		default:
			s.plain = !s.begun && c != '{' && c != '['
			s.begun, s.quoted = true, c == '"'
		}
		part[kept] = c
		kept++
	}
	return kept
}

// Len returns the number of unread bytes.
func (b *Body) Len() int64 { return b.left }

func (b *Body) Read(to []byte) (int, error) {
	if b.left == 0 {
		b.Close()
		return 0, io.EOF
	}
	n := copy(to, b.start())
	b.at += n
	b.left -= int64(n)
	if b.at == pieceSize {
		pieces.Put(b.pieces[0])
		b.pieces, b.at = b.pieces[1:], 0
	}
	return n, nil
}

// Tail returns a copy of the last n unread bytes, or of all if there are fewer.
func (b *Body) Tail(n int) string {
	skip := max(b.left-int64(n), 0) + int64(b.at)
	var tail strings.Builder
	for i, left := int(skip/pieceSize), b.left+int64(b.at); i < len(b.pieces); i++ {
		from, to := max(skip-int64(i)*pieceSize, 0), min(left-int64(i)*pieceSize, pieceSize)
		if from < to {
			tail.Write(b.pieces[i][from:to])
		}
	}
	return tail.String()
}

// Close releases the memory. It may be called at any time and more than once.
func (b *Body) Close() error {
	for _, p := range b.pieces {
		pieces.Put(p)
	}
	*b = Body{}
	return nil
}
