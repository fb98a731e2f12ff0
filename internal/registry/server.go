package registry

// Server is what a server is and can do, by asking it rather than by its version.
type Server struct {
	Address      string
	Version      string // "" where it does not tell
	Store        string // SqlStore or FileStore; "" where it does not tell (before 3.x)
	Registry     error  // why the model registry cannot be used; nil when it can
	Aliases      bool
	LoggedModels bool
	Workspaces   bool
	Models       int  // registered models this login may see, of the first page of 1000
	MoreModels   bool // there are more than one page
}
