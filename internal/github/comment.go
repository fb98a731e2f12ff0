package github

import (
	"context"
	"errors"
)

// Comment keeps one comment per key on a pull request: it edits ours where there is one and posts it otherwise. A body
// beyond GitHub's 65,536 characters is cut cleanly, with full as the link to the whole text. It returns the comment's address.
func (c *Client) Comment(ctx context.Context, pr int, key, body, full string) (url string, err error) {
	return "", errors.New("not yet")
}

// Commented returns the body of our own comment for key, without its marker. ok is false where there is none, where it
// was cut, or where it is not ours.
func (c *Client) Commented(ctx context.Context, pr int, key string) (body string, ok bool, err error) {
	return "", false, errors.New("not yet")
}
