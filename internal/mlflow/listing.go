package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// listers are all ways to list a folder, in the order in which they are tried. request returns a request without a path
// if the way cannot list the folder.
var listers = []struct {
	name    string
	request func(ctx context.Context, c *Client, where Location, folder string) rest.Request
	bare    bool // the response contains names rather than paths
}{
	{name: "api", request: listBelow(API)},
	{name: "ajax-api", request: listBelow("ajax-" + API)},
	{name: "mlflow-artifacts", request: listProxy, bare: true},
}

// listBelow lists by the id of the run or logged model. MLflow offers these endpoints under /api and under /ajax-api.
func listBelow(base string) func(context.Context, *Client, Location, string) rest.Request {
	return func(_ context.Context, _ *Client, where Location, folder string) rest.Request {
		r, field := rest.Request{Path: base + "artifacts/list", Query: url.Values{"run_id": {where.Run}}}, "path"
		if where.Model != "" {
			r.Path, r.Query = base+"logged-models/"+url.PathEscape(where.Model)+"/artifacts/directories", url.Values{}
			field = "artifact_directory_path"
		}
		if folder != "" {
			r.Query.Set(field, folder)
		}
		return r
	}
}

// listProxy lists a folder in the server's own store by its location.
func listProxy(ctx context.Context, c *Client, where Location, folder string) rest.Request {
	f := artifact{in: Location{Model: where.Model, Run: where.Run}}
	inside, ok := InProxy(f.root(ctx, c), c.Tracking.Host())
	if !ok {
		return rest.Request{}
	}
	return rest.Request{Path: ProxyPath, Query: url.Values{"path": {path.Join(inside, folder)}}}
}

// list returns one page of a folder's contents. If the server, or a proxy in front of it, does not offer one way, list
// tries the next and remembers that. If none exists, the error is the one from the first way.
func (c *Client) list(
	ctx context.Context, where Location, folder, token string, class rest.Class,
) (out listingJSON, err error) {
	for _, way := range listers {
		name := fmt.Sprintf("list %s %t", way.name, where.Model != "")
		closed := c.reading.closedBy(name)
		if closed == nil {
			r := way.request(ctx, c, where, folder)
			if r.Path == "" {
				continue
			}
			if r.Method, r.Class = "GET", class; token != "" {
				r.Query.Set("page_token", token)
			}
			if closed = c.Tracking.JSON(ctx, r, &out); !isClosed(closed) {
				for i := 0; way.bare && i < len(out.Files); i++ {
					out.Files[i].Path = path.Join(folder, out.Files[i].Path)
				}
				return out, closed
			}
			c.reading.close(name, closed)
		}
		err = cmp.Or(err, closed)
	}
	return out, err
}
