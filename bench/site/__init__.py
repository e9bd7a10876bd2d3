"""How the site bears a long history; `python -m bench.site`."""
