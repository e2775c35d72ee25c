using System.Text.Json.Nodes;

namespace QedVd.Cli.Tests;

/// <summary>Compares JSON as JSON.</summary>
public static class Json
{
    /// <summary>Everything that the peer says must be said by us with the same value; we may say more. The keys named may differ.</summary>
    public static void ShouldSayAllThat(string peer, string ours, params string[] except)
    {
        JsonNode peerNode = JsonNode.Parse(peer)!;
        JsonNode ourNode = JsonNode.Parse(ours)!;
        Compare(peerNode, ourNode, "$", except);
    }

    private static void Compare(JsonNode? peer, JsonNode? ours, string path, string[] except)
    {
        switch (peer)
        {
            case JsonObject peerObject:
                JsonObject ourObject = Assert.IsType<JsonObject>(ours);
                foreach ((string key, JsonNode? value) in peerObject)
                {
                    if (!except.Contains(key))
                    {
                        Assert.True(ourObject.ContainsKey(key), $"{path}.{key} is missing in {ours}");
                        Compare(value, ourObject[key], $"{path}.{key}", except);
                    }
                }

                break;
            case JsonArray peerArray:
                JsonArray ourArray = Assert.IsType<JsonArray>(ours);
                Assert.True(peerArray.Count == ourArray.Count, $"{path}: {peerArray.Count} elements, ours {ourArray.Count}:\n{peer}\n{ours}");
                for (int index = 0; index < peerArray.Count; index++)
                {
                    Compare(peerArray[index], ourArray[index], $"{path}[{index}]", except);
                }

                break;
            default:
                Assert.True(JsonNode.DeepEquals(peer, ours), $"{path}: {peer?.ToJsonString()}, ours {ours?.ToJsonString()}");
                break;
        }
    }
}
