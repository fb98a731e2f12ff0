package dialect

// UnityCatalog is the model registry of Databricks.
var UnityCatalog = Dialect{
	Name:   "Unity Catalog",
	SetBy:  "DATABRICKS_HOST",
	Prefix: "unity-catalog/",
	Bare:   true,
	Hosted: true,
	Files:  "api/2.0/fs/files/Models/",

	FilesOn:  "registered-models:is-databricks-sdk-models-artifact-repository-enabled",
	FilesKey: "is_databricks_sdk_models_artifact_repository_enabled",

	Tags:   Tags{Plain: true, Forbidden: ".,-=/:", MaxKey: 255, MaxValue: 1000, Most: 50},
	Levels: 3,
	Denied: "in Unity Catalog, reading a model needs EXECUTE on it, and USE CATALOG and USE SCHEMA on its catalog " +
		"and schema. Only the owner of a model can change its aliases and tags. Make a group the owner, and add the " +
		"service principal of this login to the group",
	Stages: Refusal{
		Why: "Unity Catalog has no stages", Instead: "set alias, such as champion",
	},
	Registration: Refusal{
		Why: "registering in Unity Catalog means uploading every file again, which is not supported yet",
		Instead: "register the version in the training job, with mlflow.register_model or log_model, and set " +
			"candidate to it, such as models:/CATALOG.SCHEMA.MODEL/7",
	},
	Ledger: Refusal{
		Why:     "a ledger needs parameters of runs that can be written only once, which Databricks does not document",
		Instead: "leave ledger at auto. Then history and rollback read the tags that promotions leave on the versions",
	},
	Workspaces: Refusal{
		Why:     "MLflow's workspaces do not exist on Databricks",
		Instead: "leave workspace empty, and name the catalog and the schema in model",
	},
}
