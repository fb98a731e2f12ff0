package filecopy

import "github.com/mlflow-promote/mlflow-promote/internal/mlflow"

// Target is the folder that receives the files of a model.
type Target struct {
	Client *mlflow.Client
	In     mlflow.Location // a logged model, or a run with the path of a folder
	Root   string          // the artifact URI of the logged model or of the run
}
