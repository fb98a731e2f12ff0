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
	Warnings     []string // what an operator should know
}

// Login is who the server takes us for.
type Login struct {
	User   string
	Admin  bool
	Rights map[string]string // registered model -> right that was granted
}

// Alias is an alias and the version it names.
type Alias struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}
