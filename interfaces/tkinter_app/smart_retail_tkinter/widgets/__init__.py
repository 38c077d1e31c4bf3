"""Parts of the window. Each shows what it is given and tells of what a person does to it."""
