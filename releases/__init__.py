"""What readers see: releases, the views that show them, and the Glue Data Catalog that shows them to Athena."""
