# The first example. It uses only built-in resources: it downloads nothing and costs nothing.
# Its apply takes about 25 seconds and prints lines all the time.

variable "grape" {
  description = "The grape variety to plant."
  type        = string
  default     = "Pinot Noir"
}

variable "rows" {
  description = "Number of rows."
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
    # Careless on purpose: Terraform would print the key, but Vintner masks it in the log.
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
  description = "Number of planted vines."
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
