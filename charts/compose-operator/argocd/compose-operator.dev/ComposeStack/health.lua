-- A ComposeStack follows kstatus: Ready is always there, Reconciling and Stalled only while they hold.
if obj.spec ~= nil and obj.spec.suspend == true then
  return { status = "Suspended", message = "reconciliation is suspended" }
end

local ready, stalled
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    if condition.type == "Ready" then
      ready = condition
    elseif condition.type == "Stalled" and condition.status == "True" then
      stalled = condition
    end
  end
end
if ready == nil then
  return { status = "Progressing", message = "waiting for the operator" }
end
-- Ready of an older spec must not open the next sync wave.
if ready.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "waiting for the operator to see the change" }
end
if stalled ~= nil then
  return { status = "Degraded", message = stalled.reason .. ": " .. stalled.message }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if ready.reason == "HealthCheckFailed" then
  return { status = "Degraded", message = ready.reason .. ": " .. ready.message }
end
-- Whatever else went wrong is tried again, and may be the doing of the sync itself: a Secret that is not there yet.
return { status = "Progressing", message = ready.reason .. ": " .. ready.message }
