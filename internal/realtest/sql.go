package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// sqlPy runs statements in one transaction: a URI and a list of statements as JSON on standard input.
const sqlPy = `
import json, sys
import sqlalchemy
uri, statements = json.load(sys.stdin)
with sqlalchemy.create_engine(uri).begin() as c:
    print([c.execute(sqlalchemy.text(s)).rowcount for s in statements])
`

// SQL writes to the server's database behind its back, for what no request could bring about. A colon in a statement
// begins a parameter, so that one in a text is written \:. It fails where a statement touches no row.
func (s *Server) SQL(ctx context.Context, statements ...string) error {
	uri := "sqlite:///" + filepath.Join(s.Dir, "mlflow.db")
	switch {
	case s.postgres != nil:
		uri = s.postgres.URI
	case s.mariadb != nil:
		uri = s.mariadb.URI
	}
	in, err := json.Marshal([]any{uri, statements})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.python, "-W", "ignore", "-c", sqlPy)
	cmd.Env, cmd.Dir = s.clientEnvironment(), s.Dir
	var out, trouble bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &trouble
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("sql: %w\n%s", err, trouble.Bytes())
	}
	var touched []int
	if err := json.Unmarshal(out.Bytes(), &touched); err != nil {
		return fmt.Errorf("sql: %w in %q", err, out.Bytes())
	}
	for i, n := range touched {
		if n == 0 {
			return fmt.Errorf("sql: no row was touched by %q", statements[i])
		}
	}
	return nil
}
