resource "google_storage_bucket" "events" {
  name                        = var.bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Files that are staged for load jobs are deleted by the program; these are of runs that have died.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 3
      matches_prefix = ["staging/"]
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 3
    }
  }

  depends_on = [google_project_service.this]
}

locals {
  # The datasets of each pipeline, by the names that are the programs' defaults.
  datasets = {
    "website"        = "user-registration"
    "raw_events"     = "backend-events"
    "curated_events" = "backend-events"
  }
}

# The tables in them are made by the programs, which know their schemas.
resource "google_bigquery_dataset" "this" {
  for_each = local.datasets

  dataset_id                 = each.key
  location                   = var.location
  delete_contents_on_destroy = false

  depends_on = [google_project_service.this]
}
