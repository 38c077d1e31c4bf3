"""Desktop tool: a window over the engine. `launch.run` starts it; `presenter` knows no tk."""
