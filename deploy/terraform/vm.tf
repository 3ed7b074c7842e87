# backend-events stages whole files until their minute is over. On Cloud Run files are memory; a VM has a disk. It runs
# the container by a unit of systemd on Container-Optimized OS, and has no address that is reached from outside.

locals {
  vm = var.image == null || var.subnetwork == null ? 0 : 1
}

resource "google_artifact_registry_repository_iam_member" "pulls" {
  repository = google_artifact_registry_repository.this.name
  location   = google_artifact_registry_repository.this.location
  role       = "roles/artifactregistry.reader"
  member     = local.member["backend-events"]
}

resource "google_compute_instance" "backend_events" {
  count = local.vm

  name                      = "backend-events"
  zone                      = "${var.region}-b"
  machine_type              = "e2-standard-2"
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "projects/cos-cloud/global/images/family/cos-stable"
      size  = 50
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = var.subnetwork
  }

  service_account {
    email  = google_service_account.this["backend-events"].email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  metadata = {
    google-logging-enabled = "true"
    user-data = templatefile("${path.module}/backend-events.cloud-config.yaml", {
      image        = var.image
      registry     = "${var.region}-docker.pkg.dev"
      project      = var.project
      subscription = google_pubsub_subscription.this["backend-events"].id
      bucket       = google_storage_bucket.events.name
    })
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.pulls,
    google_bigquery_dataset_iam_member.writes,
    google_pubsub_subscription_iam_member.reads,
    google_storage_bucket_iam_member.writes,
  ]
}
