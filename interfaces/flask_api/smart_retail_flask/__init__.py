"""Flask API over one engine: `create_app(engine)`, `serve(artifacts)`, the OpenAPI document."""
