-- `groups(stream)`: the groups of a stream as XINFO GROUPS describes them, a table of fields each.
local function groups(stream)
  local found = {}
  for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = {}
    for field = 1, #fields, 2 do
      group[fields[field]] = fields[field + 1]
    end
    found[at] = group
  end
  return found
end
