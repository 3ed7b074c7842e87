locals {
  # Of each pipeline: its topic and its subscription. Both names are the programs' defaults.
  subscriptions = {
    "user-registration" = { topic = "user-input", subscription = "user-input-sub" }
    "backend-events"    = { topic = "backend-events-topic", subscription = "backend-events-topic-sub" }
  }
}

resource "google_pubsub_topic" "this" {
  for_each = local.subscriptions

  name                       = each.value.topic
  message_retention_duration = var.retention

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "this" {
  for_each = local.subscriptions

  name                       = each.value.subscription
  topic                      = google_pubsub_topic.this[each.key].id
  ack_deadline_seconds       = var.ack_deadline_seconds
  message_retention_duration = var.retention

  # Also when nobody has read it for a month.
  expiration_policy {
    ttl = ""
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.given_up[each.key].id
    max_delivery_attempts = var.max_delivery_attempts
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
}

# What was given up, kept until somebody looks.
resource "google_pubsub_topic" "given_up" {
  for_each = local.subscriptions

  name       = "${each.value.topic}-given-up"
  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "given_up" {
  for_each = local.subscriptions

  name                       = "${each.value.topic}-given-up-sub"
  topic                      = google_pubsub_topic.given_up[each.key].id
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

# It is Pub/Sub itself that moves what is given up: from the subscription to the topic.
locals {
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "given_up" {
  for_each = local.subscriptions

  topic  = google_pubsub_topic.given_up[each.key].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "given_up" {
  for_each = local.subscriptions

  subscription = google_pubsub_subscription.this[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Messages that wait are the first sign of anything that is wrong behind them.
resource "google_monitoring_alert_policy" "waiting" {
  for_each = local.subscriptions

  display_name          = "${each.key}: messages wait"
  combiner              = "OR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "the oldest message has waited for ten minutes"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${each.value.subscription}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = 600
      duration        = "300s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}
