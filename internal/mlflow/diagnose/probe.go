package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Probe finds out which server this is and which features it has. If a model is given, Probe also finds out which
// permissions the login has on the model, and whether the model's aliases point to existing versions. It never fails.
// If it cannot find something out, the result says so.
func Probe(ctx context.Context, c *mlflow.Client, model string) registry.Server {
	p := &probe{c: c, model: model, server: registry.Server{Address: c.Address, Sent: c.Sent}}
	if c.Dialect.Hosted {
		p.hosted(ctx)
		return p.server
	}
	_ = parallel.Do(
		func() error { p.server.Version = c.ServerVersion(ctx); return nil },
		func() error { p.info(ctx); return nil },
		func() error { p.registry(ctx); return nil },
		func() error { p.aliases(ctx); return nil },
		func() error { p.loggedModels(ctx); return nil },
		func() error { p.experiments(ctx); return nil },
		func() error { p.artifacts(ctx); return nil },
		func() error { p.server.Login = readLogin(ctx, c); return nil },
		func() error { p.checksSources = c.Split() && c.ChecksSources(ctx); return nil },
	)
	if p.server.Registry != nil {
		return p.server
	}
	if model != "" {
		p.dangling(ctx)
	}
	p.store()
	p.warn()
	return p.server
}

// probe collects the results. Each field is written by only one of the requests.
type probe struct {
	c             *mlflow.Client
	model         string
	server        registry.Server
	reportedStore string   // the store that the server reports
	ids           []string // the ids of experiments
	checksSources bool     // the registry refuses files from other MLflow servers
}

// hosted asks only for what a hosted registry answers. The rest is known from its documentation.
func (p *probe) hosted(ctx context.Context) {
	name := p.c.Dialect.Name
	p.server.Aliases, p.server.LoggedModels = true, true
	p.server.Store, p.server.StoreWhy = name, "found by its address"
	p.server.Artifacts = "unknown: " + name + " does not say where clients may read files"
	p.server.Login = registry.Unreadable[registry.Login]("unknown: the server does not say who this login is")
	names, err := p.c.Models.Names(ctx)
	if p.server.Models = len(names); err != nil {
		p.server.Registry = err
	}
	if err != nil || p.model == "" {
		return
	}
	p.dangling(ctx)
	p.server.Warnings = append(p.server.Warnings, p.c.Dialect.Denied)
}

func (p *probe) info(ctx context.Context) {
	var info struct {
		Store      *string `json:"store_type"`
		Workspaces bool    `json:"workspaces_enabled"`
	}
	err := p.c.Registry.JSON(
		ctx, rest.Request{Method: "GET", Path: "api/3.0/mlflow/server-info", Class: rest.Read}, &info,
	)
	p.server.ServerInfo, p.server.Workspaces = err == nil, info.Workspaces
	if info.Store != nil {
		p.reportedStore = *info.Store
	}
}

func (p *probe) registry(ctx context.Context) {
	var models struct {
		Models []mlflow.ModelJSON `json:"registered_models"`
		Next   string             `json:"next_page_token"`
	}
	query := url.Values{"max_results": {fmt.Sprint(mlflow.NamesPage)}}
	r := rest.Request{
		Method: "GET",
		Path:   mlflow.API + "registered-models/search",
		Query:  query,
		Class:  rest.Read,

		ExpectAny: mlflow.PageKeys,
		Limit:     32 << 20,
	}
	if err := p.c.Registry.JSON(ctx, r, &models); err != nil {
		p.server.Registry = p.c.ExplainRegistry(err)
	}
	p.server.Models, p.server.MoreModels = len(models.Models), models.Next != ""
}

// aliases and loggedModels find out which endpoints exist by requesting things that do not exist.
func (p *probe) aliases(ctx context.Context) {
	_, noAliases, _ := p.c.Versions.ByAlias(ctx, "mlflow-promote-probe", mlflow.AnyAlias)
	p.server.Aliases = !noAliases
}

func (p *probe) loggedModels(ctx context.Context) {
	body := map[string]any{"experiment_ids": []string{"0"}, "max_results": 1}
	err := p.c.Tracking.JSON(
		ctx,
		rest.Request{Method: "POST", Path: mlflow.API + "logged-models/search", Body: body, Class: rest.Read},
		nil,
	)
	p.server.LoggedModels = !mlflow.NoRoute(err)
}

func (p *probe) experiments(ctx context.Context) {
	var out struct {
		Experiments []struct {
			ID string `json:"experiment_id"`
		} `json:"experiments"`
	}
	r := rest.Request{
		Method: "POST",
		Path:   mlflow.API + "experiments/search",
		Body:   map[string]any{"max_results": 20},
		Class:  rest.Read,
	}
	if p.c.Tracking.JSON(ctx, r, &out) != nil {
		return // the kind of store stays unknown
	}
	for _, e := range out.Experiments {
		if e.ID != "0" {
			p.ids = append(p.ids, e.ID)
		}
	}
}

// artifacts lists a folder that does not exist. It sends the request only once, because a server without this endpoint
// responds with 503, which no retry would change.
func (p *probe) artifacts(ctx context.Context) {
	r := rest.Request{
		Method: "GET",
		Path:   "api/2.0/mlflow-artifacts/artifacts",
		Query:  url.Values{"path": {"promote-probe"}},
		Class:  rest.Create,
	}
	err := p.c.Tracking.JSON(ctx, r, nil)
	switch e := mlflow.Remote(err); {
	case err == nil, mlflow.IsMissing(err), e != nil && e.Status == 500:
		p.server.Artifacts = "served"
	case e != nil && e.Off:
		p.server.Artifacts = "not served: the server runs with --no-serve-artifacts, and clients read the store " +
			"themselves"
	case mlflow.NoRoute(err):
		p.server.Artifacts = "not served: the server has no such route"
	default:
		p.server.Artifacts = "unknown: " + mlflow.Short(err)
	}
}

// fileStoreID is the minimum length of an experiment id that indicates a file store. File stores generate ids of 18
// digits, whereas databases count from 1.
const fileStoreID = 12

// store finds out where the registry is stored, if the responses reveal it.
func (p *probe) store() {
	switch {
	case p.reportedStore != "":
		p.server.Store, p.server.StoreWhy = p.reportedStore, "reported by the server"
	case slices.ContainsFunc(p.ids, func(id string) bool { return len(id) >= fileStoreID }):
		p.server.Store, p.server.StoreWhy = "FileStore", "derived from its experiment ids"
	case len(p.ids) > 0:
		p.server.Store, p.server.StoreWhy = "SqlStore", "derived from its experiment ids"
	default:
		p.server.StoreWhy = "the server does not report it; see its --backend-store-uri option"
	}
}

func (p *probe) dangling(ctx context.Context) {
	var m registry.Known[registry.Model]
	var versions []registry.Version
	err := parallel.Do(
		func() (err error) { m, err = p.c.Models.Get(ctx, p.model); return err },
		func() (err error) { versions, err = p.c.Versions.Search(ctx, p.model, mlflow.Match{}); return err },
	)
	if err == nil && m.IsAbsent() {
		err = p.c.Models.NotFound(ctx, p.model, m.Why())
	}
	if err != nil {
		p.server.Warnings = append(p.server.Warnings, withHint(err))
		return
	}
	there := map[int]bool{}
	for _, v := range versions {
		there[v.Number] = true
	}
	aliases := m.OrZero().Aliases
	for _, name := range mlflow.SortedKeys(aliases) {
		number := aliases[name]
		if there[number] {
			continue
		}
		v, err := p.c.Versions.Get(
			ctx, p.model, number,
		) // a search may omit existing versions, so the repair could delete a valid alias
		switch {
		case err != nil:
			p.server.Warnings = append(p.server.Warnings, withHint(err))
		case v.IsAbsent():
			p.server.Dangling = append(p.server.Dangling, registry.Alias{Name: name, Version: number})
			p.server.Warnings = append(
				p.server.Warnings,
				fmt.Sprintf(
					"alias %s of %s points to version %d, which was deleted; to remove the alias, run "+
						"`doctor` with `repair: dangling-aliases`",
					name,
					p.model,
					number,
				),
			)
		}
	}
}

// withHint returns an error and its hint on one line.
func withHint(err error) string {
	var e *registry.Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Msg + ": " + strings.ReplaceAll(e.Hint, "\n", " ")
	}
	return err.Error()
}

func (p *probe) warn() {
	add := func(format string, args ...any) {
		p.server.Warnings = append(p.server.Warnings, fmt.Sprintf(format, args...))
	}
	if p.server.Store == "FileStore" {
		add(
			"the registry is kept in files. A move to a stage archives the other versions before it looks for the " +
				"new one, and concurrent runs may fail. For production, start the server with a database " +
				"(--backend-store-uri postgresql://…)",
		)
	}
	if p.c.Split() && p.checksSources {
		add(
			"the registry at %s is not the tracking server, which is %s. MLflow 3.17 and later registers only files "+
				"from its own runs, or files in a store such as s3://. Versions from other runs are refused",
			p.c.Address, p.c.Tracking.Host(),
		)
	}
	login, known := p.server.Login.Get()
	if p.model == "" || !known || login.Admin {
		return
	}
	switch right := login.Rights[p.model]; right {
	case mlflow.RightEdit, mlflow.RightManage:
	default:
		if right == "" {
			right = "the server's default permission (READ unless changed)"
		}
		add(
			"the login %s has %s on %s; registering and promoting need EDIT, which an administrator grants:%s",
			cmp.Or(login.User, "USER"),
			right,
			p.model,
			strings.ReplaceAll(p.c.Grant(p.model, mlflow.RightEdit), "\n    ", " "),
		)
	}
}

// readLogin asks the server who is logged in. Only servers with logins can answer.
func readLogin(ctx context.Context, c *mlflow.Client) registry.Known[registry.Login] {
	login := registry.Login{User: c.Login, Rights: map[string]string{}, Experiments: map[string]string{}}
	var newer struct {
		Admin       bool `json:"is_admin"`
		Permissions []struct {
			Right    string `json:"permission"`
			Resource string `json:"resource_pattern"`
			Type     string `json:"resource_type"`
		} `json:"permissions"`
	}
	err := mlflow.Get(ctx, c.Registry, "api/3.0/mlflow/users/current/permissions", nil, "permissions", &newer)
	if err == nil {
		for _, p := range newer.Permissions {
			switch p.Type {
			case "registered_model":
				login.Rights[p.Resource] = p.Right
			case "experiment":
				login.Experiments[p.Resource] = p.Right
			}
		}
		login.Admin = newer.Admin
		login.User = cmp.Or(c.LoginName(ctx), login.User)
		return registry.Is(login)
	}
	switch {
	case c.Sent == "":
		return registry.Absent[registry.Login]("not logged in")
	case !c.LoggedIn:
		if login.User = c.LoginName(ctx); login.User != "" {
			return registry.Is(login)
		}
		return registry.Unreadable[registry.Login]("unknown: the server does not say who this login is")
	}
	if c.Login == "" { // the user name is a credential, and the request would put it into a URL
		return registry.Unreadable[registry.Login]("the user name is a credential, so the server is not asked about it")
	}
	var older struct {
		User struct {
			Admin  bool `json:"is_admin"`
			Models []struct {
				Name  string `json:"name"`
				Right string `json:"permission"`
			} `json:"registered_model_permissions"`
			Experiments []struct {
				ID    string `json:"experiment_id"`
				Right string `json:"permission"`
			} `json:"experiment_permissions"`
		} `json:"user"`
	}
	if mlflow.Get(ctx, c.Registry, mlflow.API+"users/get", url.Values{"username": {c.Login}}, "user", &older) != nil {
		return registry.Unreadable[registry.Login]("the server does not report what this login may do")
	}
	login.Admin = older.User.Admin
	for _, m := range older.User.Models {
		login.Rights[m.Name] = m.Right
	}
	for _, e := range older.User.Experiments {
		login.Experiments[e.ID] = e.Right
	}
	return registry.Is(login)
}

// Explain replaces an error with a better one if the server has no registry at all. Such a server refuses requests
// without giving a reason.
func Explain(ctx context.Context, c *mlflow.Client, err error) error {
	if missing := withoutRegistry(ctx, c, err); missing != nil {
		return missing
	}
	if !mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
		return err
	}
	if s := Probe(ctx, c, ""); s.Registry != nil {
		return s.Registry
	}
	return err
}

// withoutRegistry returns an error if the host serves runs but no registered models, and nil otherwise.
func withoutRegistry(ctx context.Context, c *mlflow.Client, err error) error {
	e := mlflow.Remote(err)
	if e == nil || !mlflow.NoRoute(err) ||
		!strings.Contains(e.URL, "registered-models/") && !strings.Contains(e.URL, "model-versions/") {
		return nil
	}
	search := rest.Request{
		Method: "GET", Path: c.Dialect.Path("registered-models/search"), Query: url.Values{"max_results": {"1"}},
		Class: rest.Read, ExpectAny: mlflow.PageKeys,
	}
	runs := rest.Request{
		Method: "POST", Path: mlflow.API + "experiments/search", Body: map[string]any{"max_results": 1},
		Class: rest.Read, Expect: "experiments",
	}
	if !mlflow.NoRoute(c.Registry.JSON(ctx, search, nil)) || c.Tracking.JSON(ctx, runs, nil) != nil {
		return nil
	}
	return &registry.Error{
		Reason: registry.Unsupported,
		Msg: fmt.Sprintf("%s has no model registry (%d): the tracking server answers, but no request for registered "+
			"models does", c.Address, e.Status),
		Detail: mlflow.ServerText(err), Cause: err,
		Hint: "set the registry-uri input to the server that has the registry; if this server should have one, let " +
			"the proxy in front of it pass all paths below /api",
	}
}
