-- `groups(stream)`: the groups of a stream from XINFO GROUPS, as a list of tables by field name.
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
