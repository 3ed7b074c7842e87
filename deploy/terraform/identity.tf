# Each program is somebody of its own, and may do with each thing what it does, no more. Nothing is granted on the
# project.

locals {
  programs = toset(["user-registration", "user-producer", "backend-events"])
  member   = { for name, account in google_service_account.this : name => "serviceAccount:${account.email}" }
}

resource "google_service_account" "this" {
  for_each = local.programs

  account_id   = each.key
  display_name = "The program ${each.key}"
  depends_on   = [google_project_service.this]
}

# Reading: messages, and whether the subscription is there.
resource "google_pubsub_subscription_iam_member" "reads" {
  for_each = merge([
    for name in keys(local.subscriptions) : {
      for role in ["roles/pubsub.subscriber", "roles/pubsub.viewer"] :
      "${name} ${role}" => { name = name, role = role }
    }
  ]...)

  subscription = google_pubsub_subscription.this[each.value.name].id
  role         = each.value.role
  member       = local.member[each.value.name]
}

# Publishing: messages, and whether the topic is there.
resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = toset(["roles/pubsub.publisher", "roles/pubsub.viewer"])

  topic  = google_pubsub_topic.this["user-registration"].id
  role   = each.key
  member = local.member["user-producer"]
}

# Rows, and tables that are missing.
resource "google_bigquery_dataset_iam_member" "writes" {
  for_each = local.datasets

  dataset_id = google_bigquery_dataset.this[each.key].dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = local.member[each.value]
}

# Objects, of which a rerun replaces its own; and whether the bucket is there.
resource "google_storage_bucket_iam_member" "writes" {
  for_each = toset(["roles/storage.objectUser", "roles/storage.legacyBucketReader"])

  bucket = google_storage_bucket.events.name
  role   = each.key
  member = local.member["backend-events"]
}
