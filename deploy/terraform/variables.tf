variable "project" {
  description = "The project of everything."
  type        = string
}

variable "region" {
  description = "Where topics keep their messages, and where the programs run."
  type        = string
  default     = "europe-west1"
}

variable "location" {
  description = "Where the datasets and the bucket are: a region, or EU or US. Not to be changed later."
  type        = string
  default     = "EU"
}

variable "bucket" {
  description = "The bucket of the events' objects. Names of buckets are unique in the world."
  type        = string
}

variable "image" {
  description = "The image with the programs, best by its digest. Without one, everything is made but nothing runs."
  type        = string
  default     = null
}

variable "api_url" {
  description = "The API that the producer asks for new users. Without one, no producer runs."
  type        = string
  default     = null
}

variable "segments" {
  description = "The table of users counted by country, gender and age; without a name, they are not counted."
  type        = string
  default     = null
}

variable "subnetwork" {
  description = "The subnetwork of the VM that runs backend-events, with Private Google Access. Without one there is no VM."
  type        = string
  default     = null
}

variable "ack_deadline_seconds" {
  description = "How long a message that was delivered may go without a sign from its reader. The programs extend it while they hold a message, so that it only says how soon the messages of one that has died come again."
  type        = number
  default     = 60
}

variable "max_delivery_attempts" {
  description = "After how many deliveries a message is given up, between 5 and 100. The programs acknowledge what they cannot read, and keep it as a dead letter of theirs: a message that comes here has outlived so many crashes."
  type        = number
  default     = 50
}

variable "retention" {
  description = "How long messages are kept, acknowledged or not, so that a subscription can be put back."
  type        = string
  default     = "604800s"
}

variable "notification_channels" {
  description = "Who is told when messages wait too long: names of channels of Cloud Monitoring."
  type        = list(string)
  default     = []
}
