-- A script gives the whole stack back, and Lua has no null: a key without a value, such as a volume's, would be removed by
-- the write. So there are no actions for stacks that are given as objects.
local has_objects = obj.spec.compose ~= nil or obj.spec.serviceOverrides ~= nil
if obj.spec.overrides ~= nil then
  for _, override in ipairs(obj.spec.overrides) do
    has_objects = has_objects or type(override) == "table"
  end
end

local suspended = obj.spec.suspend == true
return {
  reconcile = { disabled = has_objects or suspended },
  suspend = { disabled = has_objects or suspended },
  resume = { disabled = has_objects or not suspended },
}
