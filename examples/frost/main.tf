# The second example: its apply fails halfway, with an error message on stderr.

resource "terraform_data" "shelter" {
  count = 3

  provisioner "local-exec" {
    command = "echo 'raising shelter ${count.index + 1}'; sleep 0.5; echo 'shelter ${count.index + 1} stands'"
  }
}

resource "terraform_data" "heater" {
  depends_on = [terraform_data.shelter]

  provisioner "local-exec" {
    command = "echo 'lighting the heater'; sleep 0.5; echo 'no fuel: the tank is empty' >&2; exit 3"
  }
}

resource "terraform_data" "harvest" {
  depends_on = [terraform_data.heater]
}
