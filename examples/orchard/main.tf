# The first example: built in resources only, nothing is downloaded and nothing costs money.
# Its apply takes about 25 seconds and prints all the while.

variable "grape" {
  description = "What is planted."
  type        = string
  default     = "Pinot Noir"
}

variable "rows" {
  description = "How many rows."
  type        = number
  default     = 4
}

variable "irrigation_key" {
  description = "Opens the irrigation controller."
  type        = string
  sensitive   = true
}

resource "terraform_data" "survey" {
  input = { grape = var.grape, rows = var.rows }

  provisioner "local-exec" {
    command = <<-EOT
      for step in soil slope frost drainage sun; do
        echo "surveying: $step"
        sleep 0.8
      done
    EOT
  }
}

resource "terraform_data" "row" {
  count = var.rows
  input = { number = count.index + 1, survey = terraform_data.survey.id }

  provisioner "local-exec" {
    command = <<-EOT
      for vine in 1 2 3 4 5 6 7 8 9 10 11 12; do
        echo "row ${count.index + 1}: planted vine $vine of 12"
        sleep 0.9
      done
    EOT
  }
}

resource "terraform_data" "irrigation" {
  depends_on = [terraform_data.row]
  input      = { valves = var.rows }

  provisioner "local-exec" {
    # A careless line on purpose: Terraform would print the key. Vintner masks it.
    command = <<-EOT
      echo "controller opened with key ${nonsensitive(var.irrigation_key)}"
      for valve in $(seq 1 ${var.rows}); do
        echo "valve $valve: filling"
        sleep 1
        echo "valve $valve: pressure ok"
        sleep 1
      done
    EOT
  }
}

output "grape" {
  value = var.grape
}

output "planted" {
  description = "Vines in the ground."
  value       = var.rows * 12
  depends_on  = [terraform_data.irrigation]
}

output "row_ids" {
  value = terraform_data.row[*].id
}

output "irrigation_key" {
  value     = var.irrigation_key
  sensitive = true
}
