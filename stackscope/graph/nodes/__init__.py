"""Facts → nodes, one module for each group of kinds. Each yields nodes and looks at no link."""
