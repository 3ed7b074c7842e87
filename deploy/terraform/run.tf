# The image.
resource "google_artifact_registry_repository" "this" {
  repository_id = "pipelines"
  location      = var.region
  format        = "DOCKER"
  depends_on    = [google_project_service.this]
}

# A worker pool fits a program that pulls: it has no address and no requests, and its CPU is never taken away. There is
# one instance, since what is remembered against duplicates, and what windows hold, is in the memory of one process.
# While a new revision takes over there may be two: both read, and a user may be saved twice then.
resource "google_cloud_run_v2_worker_pool" "user_registration" {
  count = var.image == null ? 0 : 1

  name                = "user-registration"
  location            = var.region
  deletion_protection = false

  scaling {
    manual_instance_count = 1
  }

  template {
    service_account = google_service_account.this["user-registration"].email

    containers {
      image   = var.image
      command = ["/usr/local/bin/user-registration"]
      args    = ["--no-progress", "--memory-limit", "512MiB"]

      env {
        name  = "USER_REGISTRATION_PROJECT"
        value = var.project
      }
      env {
        name  = "USER_REGISTRATION_SUBSCRIPTION"
        value = google_pubsub_subscription.this["user-registration"].id
      }
      env {
        name  = "USER_REGISTRATION_DATASET"
        value = google_bigquery_dataset.this["website"].dataset_id
      }
      dynamic "env" {
        for_each = var.segments == null ? [] : [var.segments]
        content {
          name  = "USER_REGISTRATION_SEGMENTS"
          value = env.value
        }
      }

      resources {
        limits = { cpu = "1", memory = "1Gi" }
      }
    }
  }

  # It says at the start what it may not do, and ends.
  depends_on = [
    google_bigquery_dataset_iam_member.writes,
    google_pubsub_subscription_iam_member.reads,
  ]
}

resource "google_cloud_run_v2_worker_pool" "user_producer" {
  count = var.image == null || var.api_url == null ? 0 : 1

  name                = "user-producer"
  location            = var.region
  deletion_protection = false

  scaling {
    manual_instance_count = 1
  }

  template {
    service_account = google_service_account.this["user-producer"].email

    containers {
      image   = var.image
      command = ["/usr/local/bin/user-producer"]
      args    = ["--no-progress"]

      env {
        name  = "USER_PRODUCER_URL"
        value = var.api_url
      }
      env {
        name  = "USER_PRODUCER_PROJECT"
        value = var.project
      }
      env {
        name  = "USER_PRODUCER_TOPIC"
        value = google_pubsub_topic.this["user-registration"].id
      }

      resources {
        limits = { cpu = "1", memory = "512Mi" }
      }
    }
  }

  depends_on = [google_pubsub_topic_iam_member.publishes]
}
