// The clouds, and the fields of one way into each.

/**
 * @typedef {object} Field
 * @property {string} name as on the wire
 * @property {string} label
 * @property {string} hint
 * @property {boolean} [isOptional]
 * @property {boolean} [isNumber]
 * @property {(value: any) => string} [show]
 */

/** @type {Record<string, {title: string, policy: string, fields: Field[]}>} */
export const CLOUDS = {
  aws: {
    title: "AWS", policy: "Trust policy",
    fields: [
      { name: "role_arn", label: "Role", hint: "arn:aws:iam::111122223333:role/vintner-plan" },
      { name: "region", label: "Region", hint: "eu-west-1", isOptional: true },
      { name: "session_name", label: "Session name", hint: "vintner", isOptional: true },
      { name: "duration_seconds", label: "Duration", hint: "3600", isOptional: true, isNumber: true, show: (seconds) => `${seconds} s` },
      { name: "audience", label: "Audience", hint: "aws.workload.identity", isOptional: true },
    ],
  },
  gcp: {
    title: "Google Cloud", policy: "Binding",
    fields: [
      { name: "workload_identity_provider", label: "Provider", hint: "projects/1/locations/global/workloadIdentityPools/P/providers/X" },
      { name: "service_account", label: "Service account", hint: "vintner-plan@project.iam.gserviceaccount.com", isOptional: true },
      { name: "project", label: "Project", hint: "data-lake", isOptional: true },
      { name: "audience", label: "Audience", hint: "//iam.googleapis.com/projects/…", isOptional: true },
    ],
  },
  azure: {
    title: "Azure", policy: "Federated credentials",
    fields: [
      { name: "client_id", label: "Application", hint: "UUID of the application" },
      { name: "tenant_id", label: "Tenant", hint: "UUID of the tenant" },
      { name: "subscription_id", label: "Subscription", hint: "UUID of the subscription" },
      { name: "audience", label: "Audience", hint: "api://AzureADTokenExchange", isOptional: true },
    ],
  },
};

export const SIDES = [
  { name: "plan", title: "For planning", note: "should only read", icon: "PLAN" },
  { name: "apply", title: "For applying", note: "reads and writes", icon: "DEPLOY" },
];
