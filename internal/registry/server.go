package registry

// Server is what a server is and can do, by asking it rather than by its version.
type Server struct {
	Address      string
	Version      string // "" where it does not tell
	Store        string // SqlStore or FileStore; "" where it cannot be told from what it says
	StoreWhy     string // how the store was told, or why it was not
	Registry     error  // why the model registry cannot be used; nil when it can
	ServerInfo   bool   // it answers what it is
	Aliases      bool
	LoggedModels bool
	Workspaces   bool
	Artifacts    string // what the route for artifacts answers, in words
	Login        Known[Login]
	Models       int      // registered models this login may see, of the first page of 1000
	MoreModels   bool     // there are more than one page
	Dangling     []Alias  // of the model asked about
	Ledger       Custody  // of the model asked about
	Warnings     []string // what an operator should know
}

// Custody is how a model's promotion ledger stands and who may edit it, in words; all of it is empty where no model was
// asked about.
type Custody struct {
	State  string
	Guard  string
	Grants []string // requests by which another login may write it too; USER stands for its name
}

// Login is who the server takes us for.
type Login struct {
	User        string
	Admin       bool
	Rights      map[string]string // registered model -> right that was granted
	Experiments map[string]string // by id, the same
}

// Alias is an alias and the version it names.
type Alias struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}
