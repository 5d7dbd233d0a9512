"""One process's hub of live runs, its routes, and what it keeps of its pages."""
