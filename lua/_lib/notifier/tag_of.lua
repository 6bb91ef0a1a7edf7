-- `tag_of(entry)`: the tag that publish.lua gave an entry; nil for an entry that another program added.
local function tag_of(entry)
  local fields = entry[2]
  local tag = fields[6]
  if fields[1] == 't' and fields[3] == 'd' and fields[5] == 'g' and #tag == 6 and not string.find(tag, '[^0-9a-f]') then
    return tag
  end
end
