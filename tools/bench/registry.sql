-- A registry of 1,000 models, each with one alias and 100 versions. Each version has 4 tags and a finished run.
INSERT INTO registered_models (workspace, name, creation_time, last_updated_time, description)
SELECT 'default', 'model-' || lpad(m::text, 4, '0'), 1700000000000, 1700000000000, 'Predicts what it is asked for, ' || m
FROM generate_series(1, 1000) m;

INSERT INTO model_versions (workspace, name, version, creation_time, last_updated_time, description, current_stage, source, run_id, status, run_link)
SELECT 'default', 'model-' || lpad(m::text, 4, '0'), v, 1700000000000 + v * 1000, 1700000000000 + v * 1000,
  'Trained on the data of day ' || v, 'None', 'mlflow-artifacts:/0/' || md5(m || '/' || v) || '/artifacts/model', md5(m || '/' || v), 'READY', ''
FROM generate_series(1, 1000) m, generate_series(1, 100) v;

INSERT INTO model_version_tags (workspace, name, version, key, value)
SELECT 'default', 'model-' || lpad(m::text, 4, '0'), v, k, k || ' of version ' || v
FROM generate_series(1, 1000) m, generate_series(1, 100) v, unnest(ARRAY['team', 'ticket', 'data_owner', 'reviewed']) k;

-- Aliases are spread over all version numbers. Few of them point to the newest versions, because the list of models
-- contains those anyway.
INSERT INTO registered_model_aliases (workspace, name, alias, version)
SELECT 'default', 'model-' || lpad(m::text, 4, '0'), 'champion', 1 + (m * 37) % 100 FROM generate_series(1, 1000) m;

INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version,
  lifecycle_stage, artifact_uri, experiment_id)
SELECT md5(m || '/' || v), 'run', 'UNKNOWN', '', '', 'ann', 'FINISHED', 1700000000000, 1700000001000, '', 'active',
  'mlflow-artifacts:/0/' || md5(m || '/' || v) || '/artifacts', 0
FROM generate_series(1, 1000) m, generate_series(1, 100) v;

ANALYZE
