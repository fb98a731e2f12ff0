package registry

// Server describes a server by what it answers, not by its version.
type Server struct {
	Address      string
	Version      string // "" if the server does not say
	Store        string // SqlStore or FileStore; "" if it cannot be told
	StoreWhy     string // how the store was found out, or why not
	Registry     error  // why the model registry cannot be used; nil if it can
	ServerInfo   bool   // the server says what it is
	Aliases      bool
	LoggedModels bool
	Workspaces   bool
	Artifacts    string // the response of the artifact route, in words
	Login        Known[Login]
	Models       int      // registered models that this login can see, on the first page of 1000
	MoreModels   bool     // there is more than one page
	Dangling     []Alias  // of the model that was asked about
	Ledger       Custody  // of the model that was asked about
	Warnings     []string // notes for an operator
}

// Custody says in words how a model's ledger is stored and who can edit it. It is empty if no model was asked about.
type Custody struct {
	State  string
	Guard  string
	Grants []string // requests that let another login write it too; USER represents its name
}

// Login is the identity that the server sees.
type Login struct {
	User        string
	Admin       bool
	Rights      map[string]string // permissions by registered model
	Experiments map[string]string // permissions by experiment id
}

// Alias is an alias and the version that it points to.
type Alias struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}
