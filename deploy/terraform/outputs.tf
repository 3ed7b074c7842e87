output "registry" {
  description = "Where the image is pushed to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
}

output "topics" {
  description = "The topics, by the program that reads them."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "subscriptions" {
  description = "The subscriptions, by the program that reads them."
  value       = { for name, subscription in google_pubsub_subscription.this : name => subscription.id }
}
