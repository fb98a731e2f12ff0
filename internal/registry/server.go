package registry

// Server describes a server and its features, which are detected by sending requests rather than from the version.
type Server struct {
	Address      string
	Version      string // "" if the server does not state it
	Store        string // SqlStore or FileStore; "" if unknown
	StoreWhy     string // how the store was recognised, or why it was not
	Registry     error  // why the model registry cannot be used; nil if it can be used
	ServerInfo   bool   // whether the server supports server-info
	Aliases      bool
	LoggedModels bool
	Workspaces   bool
	Artifacts    string   // description of the response from the artifacts route
	Proxies      []string // proxy variables and their meaning for this server, without credentials
	Sent         string   // a few words about the login that was sent; "" for none
	Login        Known[Login]
	Policy       string   // permissions that the service in front of the server must grant, ready to copy; "" for none
	Models       int      // the number of visible registered models on the first page of 1000
	MoreModels   bool     // whether there are more pages
	Dangling     []Alias  // the queried model's aliases that point to deleted versions
	Ledger       Custody  // the queried model's ledger
	Warnings     []string // notes for the server's operators
}

// Custody describes the state of a model's promotion ledger and who may edit it. It is empty if no model was queried.
type Custody struct {
	State  string
	Guard  string
	Home   string   // the policy's experiment for new ledgers, and whether this login may write to it
	Grants []string // requests that allow a different login, USER, to write the ledger
}

// Login is the user that the server sees.
type Login struct {
	User        string
	Admin       bool
	Rights      map[string]string // registered model -> permission
	Experiments map[string]string // experiment id -> permission
}

// Alias is an alias and the version that it points to.
type Alias struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}
